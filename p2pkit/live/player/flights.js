// 7 of 17. Flights: what moves at a given time.
//
// This too is a function of the time line and the time, not of what was drawn before: so to go back
// or to stop is nothing special. On loopback a message takes 0.2 milliseconds, which nobody sees;
// a dot is therefore drawn for at least SHOWN seconds of the watcher's time.

import { isReceivers } from "./state.js";

const SHOWN = 0.35; // seconds of the watcher's that a dot is on its way, at least
const GLOW = 0.4; // and that a link glows after it, a cross fades, a pulse widens
const PATIENCE = 5; // and that a dot waits for news of its arrival
const MOST_SCANNED = 4000; // events before now that are looked at
const MOST_FLIGHTS = 1500; // more dots at once are a fog, and slow

// Return what moves when `time` is shown at `speed`, of the events from number `settled` on:
//   dots     [flight, place between 0 (sender) and 1 (receiver)]
//   crosses  [flight, place, strength between 1 and 0]
//   glows    [flight, strength]
//   pulses   [event, age between 0 and 1]: arrivals and drops of which nobody saw the sending
export function moving(head, time, speed, settled) {
  const motion = { dots: [], crosses: [], glows: [], pulses: [] };
  const flights = new Set(head.state.open);
  const { timeline } = head;
  const oldest = Math.max(settled, timeline.first, head.number - MOST_SCANNED);
  for (let number = head.number - 1; number >= oldest; number--) {
    const event = timeline.at(number);
    if (event.time < time - (SHOWN + GLOW) * speed) break;
    if (event.code === "s") flights.add(event);
    else if (event.flight) flights.add(event.flight);
    else if (event.code === "r" || event.code === "d") addPulse(motion, event, time, speed);
  }
  let left = MOST_FLIGHTS;
  for (const flight of flights) {
    if (left-- === 0) break;
    addFlight(motion, flight, time, speed);
  }
  return motion;
}

function addPulse(motion, event, time, speed) {
  const age = (time - event.time) / (GLOW * speed);
  if (age < 1) motion.pulses.push([event, Math.max(age, 0)]);
}

function addFlight(motion, flight, time, speed) {
  const age = Math.max(time - flight.time, 0);
  const span = Math.max(flight.end - flight.time, SHOWN * speed);
  if (span === Infinity) return addUnknown(motion, flight, age / speed);
  const fading = 1 - (age - span) / (GLOW * speed); // 1 at its end, 0 when it is forgotten
  if (fading <= 0) return;
  motion.glows.push([flight, Math.min(fading, 1)]);
  const stop = flight.reason === null ? 1 : stopOf(flight.reason);
  if (age < span) motion.dots.push([flight, (stop * age) / span]);
  else if (flight.reason !== null) motion.crosses.push([flight, stop, fading]);
}

// Nothing is known about its arrival yet: it slows down, waits near the end, and is given up.
function addUnknown(motion, flight, age) {
  if (age > PATIENCE) return;
  motion.glows.push([flight, 1]);
  motion.dots.push([flight, 0.9 * (1 - Math.exp(-age / SHOWN))]);
}

// How far a message came that went no further: half way, or to a receiver that had no use for it.
function stopOf(reason) {
  return isReceivers(reason) ? 0.97 : 0.5;
}
