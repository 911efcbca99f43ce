// Fetches the page again when the server says that it changed, and puts the new part in place.
// The page is whole without this file: reloading shows the same.
"use strict";

const changes = new EventSource(`${location.pathname}/changes`);
const shown = () => document.getElementById("live").dataset.version;

changes.addEventListener("message", async ({ data: version }) => {
  if (Date.parse(version) === Date.parse(shown())) return;
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.getElementById("live").replaceWith(page.getElementById("live"));
  const news = document.getElementById("news");
  news.textContent = news.dataset.text;
});
changes.addEventListener("error", async () => {
  if (changes.readyState !== EventSource.CLOSED) return; // it tries again by itself
  const answer = await fetch(location.href, { redirect: "manual" });
  if (answer.type === "opaqueredirect" || answer.status === 404) location.reload(); // to sign in, and back
});
addEventListener("pagehide", () => changes.close());
