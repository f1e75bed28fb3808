// 13 of 17. The controls: play, step, slider, speed, live, heal.

import { SPEEDS } from "./clock.js";
import { make, seconds, write } from "./words.js";

const ICONS = {
  play: "M5 3 L13 8 L5 13 Z",
  pause: "M4 3 H7 V13 H4 Z M9 3 H12 V13 H9 Z",
  step: "M3 3 L10 8 L3 13 Z M11 3 H13 V13 H11 Z",
};

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("viewBox", "0 0 16 16");
  drawing.setAttribute("aria-hidden", "true");
  drawing.append(document.createElementNS(space, "path"));
  drawing.firstChild.setAttribute("d", ICONS[name]);
  return drawing;
}

function button(label, content, onClick) {
  const attributes = { "type": "button", "class": "p2p-button", "aria-label": label, "title": label };
  const element = make("button", attributes, content);
  element.addEventListener("click", onClick);
  return element;
}

export class Controls {
  // `on` has what the buttons do: toggle(), step(), seek(time), speed(number), live(), send(verb, nodes).
  constructor(on) {
    this.play = button("Pause", icon("pause"), on.toggle);
    this.step = button("Step: on to the next event", icon("step"), on.step);
    this.slider = make("input", { "type": "range", "class": "p2p-slider", "aria-label": "Time", "step": "any" });
    this.slider.addEventListener("input", () => on.seek(Number(this.slider.value)));
    this.time = make("span", { class: "p2p-time" });
    this.speed = make("select", {
      "class": "p2p-select", "aria-label": "Speed",
      "title": "Speed: seconds of the network that are shown in a second",
    });
    this.speed.addEventListener("change", () => on.speed(Number(this.speed.value)));
    for (const speed of SPEEDS) this.offer(speed);
    this.live = button("Live: show what happens now", "live", on.live);
    this.live.classList.add("p2p-live");
    this.heal = button("Heal: mend all links and partitions", "heal", () => on.send("heal", []));
    this.element = make("div", { class: "p2p-bar" },
      this.play, this.step, this.slider, this.time, this.speed, this.live, this.heal);
  }

  offer(speed) {
    const option = make("option", { value: String(speed) }, `${speed} ×`);
    const after = [...this.speed.options].find((other) => Number(other.value) > speed);
    this.speed.insertBefore(option, after ?? null);
  }

  update(clock, { stage, begin, end }) {
    const { time } = clock.head;
    this.setPlaying(clock.playing);
    Object.assign(this.slider, { min: begin, max: Math.max(end, begin + 1e-6), value: time });
    this.slider.setAttribute("aria-valuetext", `${seconds(time, clock.speed)} seconds`);
    write(this.time, `${seconds(time, clock.speed)} / ${seconds(end, clock.speed)} s`);
    if (Number(this.speed.value) !== clock.speed) {
      if (![...this.speed.options].some((option) => Number(option.value) === clock.speed)) this.offer(clock.speed);
      this.speed.value = String(clock.speed);
    }
    this.live.hidden = clock.mode !== "live";
    this.live.classList.toggle("p2p-on", clock.isFollowing);
    this.live.setAttribute("aria-pressed", String(clock.isFollowing));
    this.heal.hidden = clock.mode === "replay" || !stage.verbs?.includes("heal");
  }

  setPlaying(isPlaying) {
    if (this.isPlaying === isPlaying) return;
    this.isPlaying = isPlaying;
    this.play.replaceChildren(icon(isPlaying ? "pause" : "play"));
    this.play.title = isPlaying ? "Pause" : "Play";
    this.play.setAttribute("aria-label", this.play.title);
  }
}
