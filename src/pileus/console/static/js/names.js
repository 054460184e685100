// Names as people think of them: "corb-dev-VideoIngress" of stack "corb-dev" is VideoIngress.

let prefixes = [];

/** Tell which stacks are deployed. */
export function setStacks(stacks) {
  prefixes = stacks.map((stack) => `${stack}-`).sort((one, other) => other.length - one.length);
}

/** The name without its stack's prefix. */
export function shortName(name) {
  const prefix = prefixes.find((candidate) => name.startsWith(candidate) && name.length > candidate.length);
  return prefix ? name.slice(prefix.length) : name;
}
