// Fitting words into a node: one line, or two broken where a name has a joint.

const measure = document.createElement("canvas").getContext("2d");

/** The text on at most `most` lines of `room` pixels, the last one shortened if it must be. */
export function linesOf(text, font, room, most) {
  measure.font = font;
  const fits = (part) => measure.measureText(part).width <= room;
  if (fits(text) || most === 1) return [shortened(text, fits)];
  // Joints: before a capital after a small letter, after a hyphen, dot, slash, blank or underscore.
  const pieces = text.split(/(?<=[a-z0-9])(?=[A-Z])|(?<=[-_./ |])/);
  let first = pieces.shift();
  while (pieces.length && fits(first + pieces[0])) first += pieces.shift();
  if (!pieces.length || !fits(first)) return [shortened(text, fits)];
  return [first.trimEnd(), shortened(pieces.join(""), fits)];
}

function shortened(text, fits) {
  if (fits(text)) return text;
  let most = text.length - 1;
  while (most > 1 && !fits(`${text.slice(0, most)}…`)) most -= 1;
  return `${text.slice(0, most)}…`;
}
