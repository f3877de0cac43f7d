// Follows the page: the server sends its content whenever that has changed, and what is different is put in place.
// What a person has opened, typed or focused stays.
"use strict";

const state = document.getElementById("live");

function follow() {
  const source = new EventSource(location.pathname);
  source.onopen = () => tell("Live");
  source.onerror = () => tell("Not connected: this page may be old");
  source.onmessage = (message) => {
    const { title, main } = JSON.parse(message.data);
    document.title = `${title} · bluestage`;
    const page = new DOMParser().parseFromString(`<main id="main" tabindex="-1">${main}</main>`, "text/html");
    liken(document.getElementById("main"), page.getElementById("main"));
  };
  // A page that is left lets go of its connection, also where the browser keeps the page for the way back.
  addEventListener("pagehide", () => source.close(), { once: true });
}

function tell(words) {
  if (state.textContent !== words) state.textContent = words;
  state.classList.toggle("on", words === "Live");
}

// Makes a node like another one of its kind.
function liken(node, wanted) {
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== wanted.data) node.data = wanted.data;
    return;
  }
  for (const { name, value } of wanted.attributes) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  for (const { name } of [...node.attributes]) {
    const opened = name === "open" && node.nodeName === "DETAILS";
    if (!opened && !wanted.hasAttribute(name)) node.removeAttribute(name);
  }
  let at = node.firstChild;
  for (const child of [...wanted.childNodes]) {
    const known = same(node, at, child);
    if (!known) {
      node.insertBefore(child, at);
      continue;
    }
    if (known === at) at = at.nextSibling;
    else node.insertBefore(known, at);
    liken(known, child);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

// The child of a node that a wanted child goes on: the one of its name, or else the next one if it is of its kind.
function same(node, at, wanted) {
  if (wanted.id) return [...node.children].find((child) => child.id === wanted.id && child.nodeName === wanted.nodeName);
  return at && !at.id && at.nodeName === wanted.nodeName ? at : null;
}

if (state) follow();
addEventListener("pageshow", (event) => {
  if (event.persisted) follow();
});
