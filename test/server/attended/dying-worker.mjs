// A worker that every build kills.
process.on('message', (message) => {
  if (message.settings) process.send({ ready: true });
  else process.kill(process.pid, 'SIGKILL');
});
