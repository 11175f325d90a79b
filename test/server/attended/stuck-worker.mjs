// A worker that takes every build and ends none. For the board opqbox-3 it says that it packs, for others not even that.
process.on('message', (message) => {
  if (message.settings) process.send({ ready: true });
  else if (message.plan.profile === 'opqbox-3') process.send({ packing: 'it' });
});
process.once('disconnect', () => process.exit(0));
