// Names as people think of them: "corb-dev-VideoIngress" of stack "corb-dev" is VideoIngress.

let prefixes = [];
const listeners = [];

/** Tell which stacks are deployed. */
export function setStacks(stacks) {
  const told = stacks.map((stack) => `${stack}-`).sort((one, other) => other.length - one.length || one.localeCompare(other));
  if (told.join() === prefixes.join()) return;
  prefixes = told;
  for (const listener of listeners) listener();
}

/** Call `listener` whenever names may read otherwise than before. */
export function onNames(listener) {
  listeners.push(listener);
}

/** The name without its stack's prefix. */
export function shortName(name) {
  const prefix = prefixes.find((candidate) => name.startsWith(candidate) && name.length > candidate.length);
  return prefix ? name.slice(prefix.length) : name;
}
