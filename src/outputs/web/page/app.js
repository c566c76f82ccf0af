// The shell around the views: user, language, and the view that the address selects.

import { watchAlarms } from "./alarms.js";
import { get, loginAddress, send, target } from "./api.js";
import { fill, h } from "./dom.js";
import { dropDrafts, preferred } from "./kept.js";
import * as help from "./help.js";
import { badges } from "./marks.js";
import { knows, load, roleName, t } from "./words.js";
import { setZone } from "./zone.js";
import * as compare from "./views/compare.js";
import * as gallery from "./views/gallery.js";
import * as health from "./views/health.js";
import * as sessions from "./views/history.js";
import { configure, listen } from "./scanner.js";
import * as live from "./views/live.js";
import * as login from "./views/login.js";
import { newSample } from "./views/sample.js";
import * as manual from "./views/manual.js";
import * as practice from "./views/practice.js";
import * as quality from "./views/quality.js";
import * as session from "./views/session.js";
import * as settings from "./views/settings.js";

const VIEWS = [
  [/^#\/live$/, live, "live"],
  [/^#\/session\/(\d+)$/, session, "history"],
  [/^#\/session\/(\d+)\/gallery(?:\?(?:kind=(red))?&?(?:show=(\w+))?)?$/, gallery, "history"],
  [/^#\/history(?:\?.*)?$/, sessions, "history"],
  [/^#\/compare\/(\d+)\/(\d+)$/, compare, "history"],
  [/^#\/quality$/, quality, "quality"],
  [/^#\/settings$/, settings, "settings"],
  [/^#\/health$/, health, "health"],
  [/^#\/manual(?:\/([\w-]+))?$/, manual, "manual"],
  [/^#\/practice$/, practice, "practice"],
  [/^#\/login(?:\?then=(.*))?$/, login, ""],
];
const ORDER = ["operator", "reviewer", "admin"];
// How often to check that the login is still valid, ms; the station does not count this as activity.
const STILL_IN = 60_000;

const context = {
  me: null,
  classes: [],
  own: [],
  redClasses: [],
  may: (role) => ORDER.indexOf(context.me?.role) >= ORDER.indexOf(role),
  go: (hash) => (location.hash = hash),
  announce: (text) => fill(document.getElementById("said"), text),
  refresh: start,
  newSample: (id) => dialog?.open(id),
  quality: control,
};
let end = null;
// The New-sample dialog; none before somebody may count.
let dialog = null;
let turn = 0;

function chosenLanguage(me) {
  const there = me.languages.length ? me.languages : ["en"];
  for (const wish of [preferred("language"), ...navigator.languages]) {
    const found = there.find((one) => one === wish) ?? there.find((one) => one === wish?.split("-")[0]);
    if (found) return found;
  }
  return there.includes(me.language) ? me.language : "en";
}

async function start() {
  const theme = preferred("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  try {
    context.me = await get("/api/me");
    setZone(context.me.zone);
    await load(chosenLanguage(context.me));
    [context.classes, context.own, context.redClasses] = context.me.role ? await Promise.all(["/api/classes", "/api/own-classes", "/api/red-classes"].map((list) => get(list))) : [[], [], []];
    await prepare();
  } catch (problem) {
    console.error(problem);
    await load("en");
    // If not even the texts could be loaded, fall back to English.
    const unreachable = knows("error.unreachable") ? t("error.unreachable") : "The station does not answer.";
    const words = problem.status === 0 ? unreachable : problem.message;
    fill(document.getElementById("main"), h("p", { class: "problem", role: "alert" }, words));
    setTimeout(start, 5000);
    return;
  }
  // The user has logged in meanwhile, in another tab.
  const [, then] = /^#\/login\?then=(.*)$/.exec(location.hash) ?? [];
  if (then && context.me.role && context.me.name !== "device") history.replaceState(null, "", target(then));
  await show();
}

// The dialog in the page's language and by the laboratory's rules.
async function prepare() {
  dialog = null;
  const place = document.getElementById("dialogs");
  fill(place);
  if (!context.me.role) return;
  const { settings } = await get("/api/settings");
  configure(settings.sample);
  dialog = newSample(settings.sample, () => context.go("#/live"));
  fill(place, dialog.elements);
}

// What a scanner typed, wherever the focus was.
function scanned(id) {
  context.announce(t("scan.said", { id }));
  dialog?.open(id);
}

function bar(place) {
  const { me } = context;
  const link = (name) =>
    h("a", { href: `#/${name}`, "aria-current": place === name ? "page" : null }, t(`nav.${name}`));
  const manual = h("a", { href: help.here(), "aria-current": place === "manual" ? "page" : null, "aria-label": t("nav.manual"), title: t("manual.key") }, "?");
  const person =
    me.role && me.name !== "device"
      ? h("button", { class: "button small", on: { click: leave } }, t("nav.logout"))
      : h("a", { href: "#/login", class: "button small" }, t("nav.login"));
  fill(
    document.getElementById("bar"),
    h("strong", {}, me.station),
    me.training && badges(["training"]),
    me.role ? h("nav", { "aria-label": t("nav.label") }, link("live"), link("history"), link("quality"), link("settings"), link("health"), manual) : manual,
    h("span", { class: "who" }, me.role ? `${me.name === "device" ? t("nav.device") : me.name} · ${roleName(me.role)}` : ""),
    person,
  );
}

// A control that failed or is due stands above every view but its own.
function control(standing) {
  const place = document.getElementById("control");
  const told = standing && standing.state !== "passed" && (standing.required !== "none" || standing.state === "failed");
  if (!told || location.hash === "#/quality") fill(place);
  else fill(place, h("a", { href: "#/quality" }, quality.banner(standing)));
}

async function lookAtControl() {
  control(context.me?.role ? await get("/api/quality").catch(() => null) : null);
}

async function leave() {
  try {
    await send("POST", "/api/logout");
  } catch (problem) {
    // The user must not leave believing that the logout worked.
    document.getElementById("main").prepend(h("p", { class: "problem", role: "alert" }, problem.message));
    return;
  }
  dropDrafts();
  location.hash = "#/login";
  await start();
}

// Closes a view left unattended once its login has expired.
async function stillIn() {
  if (!context.me?.role) return;
  lookAtControl();
  const me = await get("/api/me").catch(() => null);
  if (!me || !context.me?.role) return;
  if (me.role === null) {
    context.me = me;
    // Leave the login view alone; somebody may be typing there.
    if (location.hash.startsWith("#/login")) bar("");
    else await show();
  } else if (me.role !== context.me.role || me.name !== context.me.name) {
    await start();
  }
}

async function show() {
  // Nothing to show until the user is known.
  if (!context.me) return;
  const mine = (turn += 1);
  end?.();
  end = null;
  if (!context.me.role) {
    // Nothing stays open over the login view.
    dialog = null;
    fill(document.getElementById("dialogs"));
    if (!/^#\/(login|manual)/.test(location.hash)) history.replaceState(null, "", loginAddress());
  }
  const wanted = location.hash || "#/live";
  const [pattern, view, place] = VIEWS.find(([pattern]) => pattern.test(wanted)) ?? VIEWS[0];
  const main = document.getElementById("main");
  bar(place);
  lookAtControl();
  alarms();
  document.title = `${place ? t(`nav.${place}`) : t("nav.login")} · ${context.me.station}`;
  const root = h("div", { class: "view" });
  fill(main, root);
  // Tells screen readers that the page changed; `main` shows no focus ring.
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
  try {
    const ends = await view.show(root, pattern.exec(wanted)?.slice(1) ?? [], context);
    if (mine === turn) end = ends ?? null;
    else ends?.();
  } catch (problem) {
    console.error(problem);
    if (mine === turn) root.append(h("p", { class: "problem", role: "alert" }, problem.message));
  }
}

const alarms = watchAlarms(document.getElementById("alarms"), context);
listen(scanned, () => dialog !== null && !location.hash.startsWith("#/login"));
addEventListener("hashchange", show);
help.listen();
setInterval(stillIn, STILL_IN);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && stillIn());
start();
