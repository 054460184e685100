'use strict';

// The framed socket to the node; pileus/runtime/frames.py tells what the frames mean.

const net = require('node:net');

const PREFIX_BYTES = 8;
const INVOKE = 1;
const kinds = { READY: 2, INIT_ERROR: 3, RESULT: 4, ERROR: 5, LAST_ERROR: 6, PART: 7 };

class Link {
  #socket;
  #received = [];
  #bytes = 0;

  /** `onInvoke(header, payload)` gets every invocation: header fields, event as a Buffer. */
  constructor(descriptor, onInvoke) {
    this.#socket = new net.Socket({ fd: descriptor, readable: true, writable: true });
    this.#socket.on('data', (chunk) => this.#take(chunk, onInvoke));
    const leave = () => process.reallyExit(0); // the node is gone
    this.#socket.on('end', leave);
    this.#socket.on('error', leave);
  }

  /** Send one frame; `done` is called when the kernel has it. False: wait before sending more. */
  send(kind, header, payload, done) {
    const head = [String(process.resourceUsage().maxRSS), ...header].join('\0');
    const frame = Buffer.allocUnsafe(PREFIX_BYTES);
    const headBytes = Buffer.from(head);
    const body = typeof payload === 'string' ? Buffer.from(payload) : payload;
    frame.writeUInt32LE(body.length, 0);
    frame[4] = kind;
    frame[5] = 0;
    frame.writeUInt16LE(headBytes.length, 6);
    return this.#socket.write(Buffer.concat([frame, headBytes, body]), done);
  }

  /** Whether waiting for the next invocation keeps the process alive. */
  set isHolding(holds) {
    if (holds) this.#socket.ref();
    else this.#socket.unref();
  }

  #take(chunk, onInvoke) {
    this.#received.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#wanted()) return;
    const data = this.#received.length === 1 ? chunk : Buffer.concat(this.#received);
    const wanted = this.#wanted(data);
    if (data.length < wanted) {
      this.#received = [data];
      return;
    }
    const start = PREFIX_BYTES + data.readUInt16LE(6);
    const header = data.toString('utf8', PREFIX_BYTES, start).split('\0');
    this.#received = [];
    this.#bytes = 0;
    if (data[4] === INVOKE) onInvoke(header, data.subarray(start));
  }

  /** Bytes of the frame under way, as far as its first piece tells. */
  #wanted(data = this.#received[0]) {
    if (data.length < PREFIX_BYTES) return PREFIX_BYTES;
    return PREFIX_BYTES + data.readUInt16LE(6) + data.readUInt32LE(0);
  }
}

module.exports = { Link, kinds };
