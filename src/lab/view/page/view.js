// Replaces the parts of the page that the server says have changed, and says whether the
// page still hears from it.
"use strict";

const link = document.getElementById("link");
const late = 5000; // milliseconds without a word, after which the page is old
let heard = 0;

function say(text, old) {
  if (link.textContent !== text) link.textContent = text;
  document.body.classList.toggle("old", old);
}

// show puts new text into a part, and keeps how far its reader has scrolled.
function show(id, html) {
  const part = document.getElementById(id);
  if (!part) return;
  const top = part.scrollTop, left = part.scrollLeft;
  part.innerHTML = html;
  part.scrollTop = top;
  part.scrollLeft = left;
}

const stream = new EventSource(document.body.dataset.stream);
stream.addEventListener("parts", (event) => {
  heard = Date.now();
  say("Following the lab", false);
  for (const [id, html] of Object.entries(JSON.parse(event.data))) show(id, html);
});
stream.onerror = () => say("No word from `lab view`: this is how the lab was last seen", true);
setInterval(() => {
  if (heard && Date.now() - heard > late) say("No word from `lab view`: this is how the lab was last seen", true);
}, 1000);
