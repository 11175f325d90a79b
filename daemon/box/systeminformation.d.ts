// Its parts one by one: as a whole it brings printers, batteries and virtual machines into the box's program.
type Whole = typeof import('systeminformation');

declare module 'systeminformation/lib/system.js' {
  export const system: Whole['system'];
}
declare module 'systeminformation/lib/osinfo.js' {
  export const osInfo: Whole['osInfo'];
}
declare module 'systeminformation/lib/memory.js' {
  export const mem: Whole['mem'];
}
declare module 'systeminformation/lib/filesystem.js' {
  export const fsSize: Whole['fsSize'];
}
declare module 'systeminformation/lib/network.js' {
  export const networkInterfaces: Whole['networkInterfaces'];
}
