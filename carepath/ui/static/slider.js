// The slider says which moment it stands at, and goes there when it is let go. Without this file its button does.
"use strict";

document.documentElement.classList.add("scripted");
const moment = (slider) => slider.list.options[slider.value]?.label ?? "";

addEventListener("input", ({ target }) => {
  if (target.id !== "step") return;
  document.getElementById("step-at").textContent = moment(target);
  target.setAttribute("aria-valuetext", moment(target));
});
addEventListener("change", ({ target }) => {
  if (target.id === "step") target.form.requestSubmit();
});
