/** What `work` gives, or a rejection when it takes longer: a disk on the network that is gone does not answer at all. */
export async function inTime<T>(work: Promise<T>, patienceMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const words = `no answer within ${patienceMs} ms`;
    timer = setTimeout(() => reject(Object.assign(new Error(words), { code: words })), patienceMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
