// The field of view with its boxes.

import { h } from "../../dom.js";
import { className, share, t } from "../../words.js";

export function picture() {
  const canvas = h("canvas", { width: 640, height: 480, role: "img", "aria-label": t("live.picture") });
  const missing = h("p", { class: "over" }, t("live.noPicture"));

  // `view`: size and boxes of the JPEG in `blob`.
  async function draw(view, blob) {
    const bitmap = await createImageBitmap(blob);
    missing.hidden = true;
    [canvas.width, canvas.height] = [view.width, view.height];
    const pen = canvas.getContext("2d");
    pen.drawImage(bitmap, 0, 0);
    bitmap.close();
    const size = Math.max(12, view.width / 45);
    pen.font = `600 ${size}px system-ui, sans-serif`;
    for (const { x, y, w, h: high, kind, class: code, probability } of view.boxes) {
      const white = kind === "WBC";
      pen.lineWidth = white ? 3 : 1;
      pen.strokeStyle = white ? (code === "UNK" ? "#c77700" : "#5b1fb0") : kind === "PLT" ? "#00695c" : "rgba(160,30,60,.55)";
      pen.strokeRect(x, y, w, high);
      if (!white || !code) continue;
      const words = `${code} ${share(probability)}`;
      const wide = pen.measureText(words).width + 8;
      const left = Math.min(Math.max(0, x), view.width - wide);
      const top = y > size + 6 ? y - size - 6 : y + high + 2;
      pen.fillStyle = pen.strokeStyle;
      pen.fillRect(left, top, wide, size + 6);
      pen.fillStyle = "#fff";
      pen.fillText(words, left + 4, top + size);
    }
    const white = view.boxes.filter((box) => box.kind === "WBC" && box.class);
    canvas.setAttribute("aria-label", `${t("live.picture")}: ${white.map((box) => className(box.class)).join(", ") || t("live.noWhite")}`);
  }

  return { element: h("div", { class: "frame" }, canvas, missing), draw, gone: () => (missing.hidden = false) };
}
