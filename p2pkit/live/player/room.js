// 16 of 17. The room: all elements of the player, what is inside what, and how large they are.

import { Controls } from "./controls.js";
import { Curve } from "./curve.js";
import { Card, Menu, Said } from "./menu.js";
import { Follow, Legend, Log } from "./panel.js";
import { Stage } from "./stage.js";
import { make } from "./words.js";

// Build everything. `on` has what buttons and menus do.
export function elements(on) {
  const parts = {
    stage: new Stage(),
    curve: new Curve(),
    log: new Log(),
    legend: new Legend(),
    said: new Said(),
    card: new Card(),
    menu: new Menu(on.send),
    follow: new Follow(on.follow),
    controls: new Controls(on),
    title: make("span", { class: "p2p-name" }),
    note: make("span", { class: "p2p-note" }),
    fit: make("button", { "type": "button", "class": "p2p-button p2p-fit", "title": "Show the whole network" }, "fit"),
  };
  parts.fit.addEventListener("click", on.fit);
  parts.box = make("div", { class: "p2p-stage" },
    parts.stage.canvas, parts.fit, parts.card.element, parts.menu.element);
  return { ...parts, root: arrange(parts) };
}

function arrange({ said, box, title, note, follow, curve, log, controls, legend }) {
  const head = make("div", { class: "p2p-head" }, title, note);
  const side = make("div", { class: "p2p-side" }, follow.element, curve.canvas, log.element);
  const grid = make("div", { class: "p2p-grid" }, head, box, side, controls.element, legend.element, said.element);
  // The last of these asks JupyterLab to leave the keys to the player.
  return make("div", { "class": "p2pkit-live", "tabindex": "0", "data-lm-suppress-shortcuts": "true" }, grid);
}

// Keep a player's pictures as large as their places, and let it rest while nobody sees it.
export function observe(player) {
  const { stage, curve, box, root } = player;
  const resizing = new ResizeObserver(() => player.act(() => {
    stage.resize(box.clientWidth, box.clientHeight);
    curve.resize(curve.canvas.clientWidth, curve.canvas.clientHeight);
  }));
  resizing.observe(box);
  resizing.observe(curve.canvas);
  const watching = new IntersectionObserver((entries) => {
    player.isSeen = entries.at(-1).isIntersecting;
    player.wake();
  });
  watching.observe(root);
  const wake = () => player.wake();
  document.addEventListener("visibilitychange", wake);
  return {
    stop() {
      resizing.disconnect();
      watching.disconnect();
      document.removeEventListener("visibilitychange", wake);
    },
  };
}
