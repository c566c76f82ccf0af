// One cell enlarged, its size, its place on the slide, and its whole field where that was kept.

import { inForce, nameOf } from "../../classes.js";
import { fill, h } from "../../dom.js";
import { number, t } from "../../words.js";
import { pictureOf } from "./evidence.js";
import { fieldOf } from "./field.js";
import { references } from "./references.js";

// Magnification of the crop over the network's input, as far as the screen allows.
const TIMES = 4;
// Width of the map, CSS px.
const WIDE = 280;
const HIGHEST = 180;

// `umPerPx`: micrometres a camera pixel, if known. `kind`: of the cells. `go(cell)`: another cell of the field is wanted, with its field.
export function enlarge(root, id, cell, cells, umPerPx, kind, go, withField = false) {
  const picture = h("img", { class: "enlarged", alt: nameOf(cell), src: pictureOf(id, cell) });
  picture.onload = () => (picture.width = picture.naturalWidth * TIMES);
  const size = (px) => number(umPerPx ? px * umPerPx : px, umPerPx ? 1 : 0);
  const near = cells.filter((one) => one.patch === cell.patch);
  const place = h("div", { class: "place" }, picture);
  const said = h("p", { class: "soft", role: "status" });
  const field = h("button", { class: "button", type: "button", "aria-pressed": "false", on: { click: showField } }, t("field.show"));
  const byNumber = new Map(cells.map((one) => [one.number, one]));

  async function showField() {
    if (field.getAttribute("aria-pressed") === "true") {
      field.setAttribute("aria-pressed", "false");
      dialog.classList.remove("with-field");
      return fill(place, picture);
    }
    field.disabled = true;
    const view = await fieldOf(id, cell, byNumber, (other) => (dialog.close(), go(other))).catch((problem) => fill(said, problem.message));
    field.disabled = false;
    if (view === null) return fill(said, t("field.none"));
    if (!view || !dialog.isConnected) return;
    field.setAttribute("aria-pressed", "true");
    dialog.classList.add("with-field");
    fill(place, view.element);
    view.begin();
  }

  const dialog = h("dialog", { class: "large-cell", "aria-labelledby": "large-title", on: { close: () => dialog.remove() } },
    h("div", { class: "card" },
      h("h2", { id: "large-title" }, t("gallery.large", { n: number(cell.number), class: nameOf(cell) })),
      place,
      h("div", { class: "beside" },
        h("p", {}, t(umPerPx ? "gallery.size" : "gallery.sizePx", { w: size(cell.w), h: size(cell.h) })),
        h("figure", {}, map(cell, near, kind), h("figcaption", { class: "soft" }, t(kind.words.place, { n: number(near.length) }))),
        references(inForce(cell)), said,
        h("div", { class: "buttons" }, !kind.red && field, h("button", { class: "button primary", type: "button", on: { click: () => dialog.close() } }, t("close"))))));
  root.append(dialog);
  dialog.showModal();
  if (withField) showField();
}

// Map of the patch around the cell: every cell shown of it, with this one marked.
function map(cell, near, kind) {
  const canvas = h("canvas", { class: "map", role: "img", "aria-label": t(kind.words.place, { n: number(near.length) }) });
  const [left, top] = [Math.min(...near.map((one) => one.x)), Math.min(...near.map((one) => one.y))];
  const [right, bottom] = [Math.max(...near.map((one) => one.x + one.w)), Math.max(...near.map((one) => one.y + one.h))];
  const margin = 14;
  const scale = Math.min((WIDE - 2 * margin) / (right - left), (HIGHEST - 2 * margin) / (bottom - top));
  // A slide is scanned in strips; a flat strip needs no tall map.
  const high = Math.max(4 * margin, (bottom - top) * scale + 2 * margin);
  const sharp = window.devicePixelRatio || 1;
  [canvas.width, canvas.height] = [WIDE * sharp, high * sharp];
  [canvas.style.width, canvas.style.height] = [`${WIDE}px`, `${high}px`];
  const pen = canvas.getContext("2d");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
  pen.scale(sharp, sharp);
  const dot = (one, more) => {
    pen.beginPath();
    const middle = (at, from, all, wide) => (wide - (all - from) * scale) / 2 + (at - from) * scale;
    pen.arc(middle(one.x + one.w / 2, left, right, WIDE), middle(one.y + one.h / 2, top, bottom, high),
      Math.max(2, Math.min(6, (one.w * scale) / 2)) + more, 0, 2 * Math.PI);
  };
  pen.fillStyle = colour("--soft");
  for (const one of near) {
    if (one === cell) continue;
    dot(one, 0);
    pen.fill();
  }
  pen.fillStyle = pen.strokeStyle = colour("--accent");
  pen.lineWidth = 2;
  dot(cell, 1);
  pen.fill();
  dot(cell, 6);
  pen.stroke();
  return canvas;
}
