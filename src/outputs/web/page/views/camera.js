// Asks which camera this is, where the configuration leaves that to the page.

import { get, send } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../words.js";

// How long the station takes to begin anew, ms.
const AGAIN = 4000;

// `always`: also where one is chosen already.
export async function camera(context, always) {
  const { asks, source, cameras } = await get("/api/camera");
  if (!asks || (source && !always) || (source && !context.may("admin"))) return null;
  const said = h("p", { role: "status" });
  const buttons = cameras.map((one) => h("button", { class: "button", type: "button", disabled: one.source === source, dataset: { source: one.source }, on: { click: () => choose(one.source) } },
    one.source === "simulated" ? t("camera.simulated") : `${one.name || one.source} (${one.source.replace("v4l:", "")})`));
  async function choose(chosen) {
    for (const button of buttons) button.disabled = true;
    try {
      await send("PUT", "/api/camera", { source: chosen });
      said.className = "good";
      fill(said, t("camera.anew"));
      setTimeout(context.refresh, AGAIN);
    } catch (problem) {
      said.className = "problem";
      fill(said, problem.message);
      for (const button of buttons) button.disabled = false;
    }
  }
  return h("section", { class: "card", id: "camera" },
    h("h2", {}, t("camera.which")),
    h("p", {}, t(cameras.length > 1 ? "camera.found" : "camera.none")),
    h("div", { class: "buttons" }, buttons), said);
}
