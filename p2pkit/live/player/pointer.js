// 11 of 17. The pointer: hover, click, drag and wheel on the stage, as four calls.

const SLACK = 4; // pixels that a click may move

// Call `on.hover(x, y)`, `on.leave()`, `on.click(x, y)`, `on.drag(dx, dy)`, `on.zoom(x, y, factor)`.
// `on.mayZoom(event)`: whether the wheel belongs to the stage, and not to the page around it.
export function listen(canvas, on) {
  let down = null; // where the pointer went down
  let last = null; // where it is, while it drags
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    down = [event.offsetX, event.offsetY];
    last = null;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const here = [event.offsetX, event.offsetY];
    if (!down) return on.hover(...here);
    if (!last && Math.hypot(here[0] - down[0], here[1] - down[1]) <= SLACK) return;
    const [x, y] = last ?? down;
    on.drag(here[0] - x, here[1] - y);
    last = here;
  });
  canvas.addEventListener("pointerup", () => {
    if (down && !last) on.click(...down);
    down = last = null;
  });
  canvas.addEventListener("pointercancel", () => (down = last = null));
  canvas.addEventListener("pointerleave", () => on.leave());
  listenToWheel(canvas, on);
}

function listenToWheel(canvas, on) {
  const turned = (event) => {
    if (!on.mayZoom(event)) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
    on.zoom(event.offsetX, event.offsetY, Math.exp(-Math.min(Math.max(pixels, -200), 200) / 300));
  };
  canvas.addEventListener("wheel", turned, { passive: false });
}
