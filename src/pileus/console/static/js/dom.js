// Small ways to make and change elements. No markup strings: text stays text.

const SVG = "http://www.w3.org/2000/svg";

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/**
 * Make an HTML element.
 * @param {string} tag name, with classes after dots: "li.out"
 * @param {Object} [given] properties; "data" sets data attributes, "aria" aria ones, "on" listeners
 * @param {...(Node|string)} children
 */
export function make(tag, given = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  const { data, aria, on, ...properties } = given;
  Object.assign(element, properties);
  Object.assign(element.dataset, data);
  for (const [key, value] of Object.entries(aria ?? {})) element.setAttribute(`aria-${key}`, value);
  for (const [key, value] of Object.entries(on ?? {})) element.addEventListener(key, value);
  element.append(...children);
  return element;
}

/** Make an SVG element with attributes. */
export function makeSvg(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElementNS(SVG, name);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Set an element's text, leaving the page alone when it is the same. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Call `work` at most every `everyMs`, the last call never lost. */
export function throttled(everyMs, work) {
  let lastAt = -Infinity;
  let timer = 0;
  return () => {
    if (timer) return;
    const waitMs = Math.max(0, lastAt + everyMs - performance.now());
    timer = setTimeout(() => {
      timer = 0;
      lastAt = performance.now();
      work();
    }, waitMs);
  };
}

/** True when the user asked for less motion. */
export const wantsLessMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** The value of a custom property of the page, so that canvases follow the colour scheme. */
export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Size a canvas for its box and the screen's density; its context, scaled to CSS pixels. */
export function fitCanvas(canvas, width, height) {
  const density = Math.min(devicePixelRatio || 1, 3);
  const pixels = [Math.round(width * density), Math.round(height * density)];
  if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) [canvas.width, canvas.height] = pixels;
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  return context;
}
