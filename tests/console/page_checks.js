// Run inside the page by the tests: what a careful eye would look for.
(() => {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
    return colour.startsWith("color(srgb") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3]));
  const backdrop = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const visible = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && element.getBoundingClientRect().width > 1;

  /** Texts whose contrast is below what WCAG 2.2 AA asks for (1.4.3). */
  const faint = () => [...document.querySelectorAll("body *")].filter((element) => {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    return own && visible(element);
  }).map((element) => {
    const style = getComputedStyle(element);
    const inDrawing = element instanceof SVGElement;
    const under = inDrawing ? parse(getComputedStyle(document.querySelector(".map")).backgroundColor) : backdrop(element);
    const ink = over(parse(inDrawing ? style.fill : style.color), under);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const has = contrast(ink, under.slice(0, 3));
    return has < (isLarge ? 3 : 4.5) ? `${element.tagName}.${element.getAttribute("class")} "${element.textContent.slice(0, 30)}" ${has.toFixed(2)}` : null;
  }).filter(Boolean);

  /** Elements that stick out of a page as wide as the window. */
  const wide = () => [...document.querySelectorAll("body *")].filter((element) => {
    return !element.closest(".map-view, #wall, .hidden, thead") && visible(element) && element.getBoundingClientRect().right > innerWidth + 1;
  }).map((element) => `${element.tagName}#${element.id}.${element.className}`);

  /** Where the boxes are drawn and where the white figures stand in the picture, in picture widths. */
  const figures = () => {
    const { pts, boxes, exact, mode } = window.pileus.picture;
    const canvas = document.querySelector("#picture canvas");
    const [width, height] = [canvas.width, canvas.height];
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(canvas, 0, 0);
    const bright = (data, at) => data[at * 4] > 170 && data[at * 4 + 2] > 170;
    const seen = boxes.map(([x0, y0, x1, y1]) => {
      const row = context.getImageData(0, Math.round(((y0 + y1) / 2) * height), width, 1).data;
      let [left, right] = [Math.round(((x0 + x1) / 2) * width), Math.round(((x0 + x1) / 2) * width)];
      // Over the outline of the box itself, which is not white.
      const gap = 8;
      const reach = (at, step) => { for (let skip = 0, last = at; ; at += step) { if (bright(row, at)) { last = at; skip = 0; } else if (++skip > gap) return last; } };
      left = reach(left, -1);
      right = reach(right, 1) + 1;
      return { drawn: [x0, x1], found: [left / width, right / width] };
    });
    return { pts, exact, mode, seen };
  };
  window.checks = { faint, wide, figures };
})();
