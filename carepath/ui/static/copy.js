// A button copies the command beside it, and says so. Without this file the buttons are not shown: a click selects a command.
"use strict";

for (const button of navigator.clipboard ? document.querySelectorAll(".copied > button") : []) {
  const said = button.firstChild;
  const usual = said.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    said.textContent = button.dataset.copied;
    document.getElementById("copied").textContent = button.dataset.copied;
    setTimeout(() => { said.textContent = usual; }, 3000);
  });
}
