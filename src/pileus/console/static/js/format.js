// Numbers and times as people read them.

import { shortName } from "./names.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const CLOCK_SHORT = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** 14:03:22 of an epoch in milliseconds. */
export const clockTime = (atMs) => CLOCK.format(atMs);

/** 14:03 of an epoch in milliseconds. */
export const clockMinute = (atMs) => CLOCK_SHORT.format(atMs);

/** 12,345 */
export const whole = (value) => WHOLE.format(value);

/** A duration in the unit that suits it; an en dash for none. */
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return mediaTime(ms);
}

/** Media time: 0:42, 12:05, 3:04:05. */
export function mediaTime(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value) => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** 512 B, 4.1 KiB, 58 MiB. */
export function bytes(size) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  while (size >= 1024 && at < units.length - 1) {
    size /= 1024;
    at += 1;
  }
  return `${at && size < 10 ? size.toFixed(1) : Math.round(size)} ${units[at]}`;
}

/** 45 s, 12 min, 3 h 20 min, 2 d 4 h. */
export function span(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** One thing, several things. */
export const count = (value, one, many = `${one}s`) => `${whole(value)} ${value === 1 ? one : many}`;

/** The last speaking part of an ARN or of our own place names. */
export function placeName(place) {
  if (place.startsWith("sms:")) return "phone";
  const ending = place.split(":").pop();
  return shortName(ending.includes("/") ? ending.split("/").pop() : ending);
}
