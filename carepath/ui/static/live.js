// Fetches the page again when the server says that it changed, and puts the new part in place.
// Who types, chooses or stands somewhere in it goes on there. The page is whole without this file.
"use strict";

const live = () => document.getElementById("live");
const changes = new EventSource(live().dataset.changes ?? `${location.pathname}/changes`);

// What is chosen and where the focus is, by the ids that the new part has, too.
function put(fresh) {
  const focused = document.activeElement?.id;
  for (const { id } of live().querySelectorAll("input:checked, details[open]")) {
    const same = id && fresh.querySelector(`#${CSS.escape(id)}`);
    if (same) same.tagName === "DETAILS" ? (same.open = true) : (same.checked = true);
  }
  live().replaceWith(fresh);
  if (focused && document.activeElement?.id !== focused) {
    document.getElementById(focused)?.focus({ preventScroll: true });
  }
}

changes.addEventListener("message", async ({ data: version }) => {
  if (version === live().dataset.version) return;
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  put(page.getElementById("live"));
  const news = document.getElementById("news");
  news.textContent = news.dataset.text;
});
changes.addEventListener("error", async () => {
  if (changes.readyState !== EventSource.CLOSED) return; // it tries again by itself
  const answer = await fetch(location.href, { redirect: "manual" });
  if (answer.type === "opaqueredirect" || answer.status === 404) location.reload(); // to sign in, and back
});
addEventListener("pagehide", () => changes.close());
