// The stream of states and pictures, and its reconnection.

import { get, goToLogin } from "../../api.js";

// Shortest time between two activity messages, ms; they keep the login of an active user alive.
const SIGN_OF_LIFE = 60_000;
// The station reports the state every few seconds; after this long without a message the link is dead, ms.
const SILENCE = 20_000;
const AGAIN = 2000;
const LOGGED_OUT = 1008;

// `told.state(message)`, `told.view(view, blob)` and `told.lost()` receive the stream. Returns a function that ends it.
export function stream(told) {
  let socket = null;
  let over = false;
  let timer = 0;
  let alive = 0;

  // Fetched first, so that an expired login leads to the login view and the page is current at once.
  async function connect() {
    try {
      const now = await get("/api/live", SILENCE);
      if (over) return;
      told.state(now);
      open();
    } catch {
      if (!over) later();
    }
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(connect, AGAIN);
  }

  function open() {
    const mine = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live/stream`);
    socket = mine;
    mine.binaryType = "blob";
    let view = null;
    heard();
    mine.onmessage = ({ data }) => {
      if (mine !== socket) return;
      heard();
      if (typeof data !== "string") {
        if (view) told.view(view, data);
        return;
      }
      const message = JSON.parse(data);
      if (message.type === "state") told.state(message);
      else view = message;
    };
    mine.onclose = ({ code }) => mine === socket && lost(code);
  }

  function heard() {
    clearTimeout(timer);
    // Closing a dead link takes long itself, so do not wait for it.
    timer = setTimeout(() => {
      socket.close();
      lost(0);
    }, SILENCE);
  }

  function lost(code) {
    socket = null;
    clearTimeout(timer);
    if (over) return;
    told.lost();
    if (code === LOGGED_OUT) goToLogin();
    else later();
  }

  const moved = () => {
    if (Date.now() - alive < SIGN_OF_LIFE || socket?.readyState !== WebSocket.OPEN) return;
    alive = Date.now();
    socket.send("here");
  };
  const signs = ["pointerdown", "pointermove", "keydown"];
  for (const event of signs) addEventListener(event, moved);
  open();
  return () => {
    over = true;
    clearTimeout(timer);
    socket?.close();
    for (const event of signs) removeEventListener(event, moved);
  };
}
