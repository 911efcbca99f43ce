// Arrow keys go from row to row of the worklist, to the control of the same kind. The page is whole without this file.
"use strict";

const STEPS = { ArrowDown: 1, ArrowUp: -1 };

addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  const row = event.target.closest(".work > li");
  if (!step || !row || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const rows = [...document.querySelectorAll(".work > li")];
  const next = rows[rows.indexOf(row) + step];
  if (!next) return;
  const kind = event.target.id.slice(0, event.target.id.indexOf("-"));
  (next.querySelector(`[id^="${kind}-"]`) ?? next.querySelector("input, a, button")).focus();
  next.scrollIntoView({ block: "nearest" });
  event.preventDefault();
});
