// One card a photo: upload it, follow its job, show what it became.
"use strict";

const byId = (id) => document.getElementById(id);
const file = byId("file"), drop = byId("drop"), width = byId("width");
const words = {
  ready: "waiting for a free process",
  running: "running",
  done: "done",
  dead: "failed",
  cancelled: "cancelled",
};

function makeCard(name) {
  const card = byId("card").content.firstElementChild.cloneNode(true);
  card.querySelector(".name").textContent = name;
  byId("cards").prepend(card);
  return card;
}

function show(card, text, percent) {
  card.querySelector(".state").textContent = text;
  card.querySelector(".bar div").style.width = `${Math.max(percent, 4)}%`;
}

function fail(card, sentence) {
  card.classList.add("failed");
  show(card, sentence, 0);
}

// XMLHttpRequest, because fetch does not tell how much of an upload has gone.
function upload(photo, pixels, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/thumbnails?width=${pixels}`);
    request.setRequestHeader("content-type", photo.type || "image/jpeg");
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onerror = () => reject(new Error("the server cannot be reached"));
    request.onload = () => {
      if (request.status === 202) resolve(request.getResponseHeader("location"));
      else reject(new Error(request.response?.error ?? `the server answered ${request.status}`));
    };
    request.send(photo);
  });
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Asks often at first, for most jobs are quick, then less and less.
async function follow(card, location) {
  for (let wait = 60; ; wait = Math.min(wait * 1.3, 1500)) {
    const answer = await fetch(location);
    const job = await answer.json();
    if (!answer.ok) throw new Error(job.error);
    if (job.state === "done") return job;
    if (job.state === "dead" || job.state === "cancelled")
      throw new Error(job.error ?? words[job.state]);
    const again = job.error ? `trying again (${job.error})` : words[job.state];
    show(card, job.progress?.words ?? again, 30 + 0.7 * (job.progress?.percent ?? 0));
    await pause(wait);
  }
}

function showThumbnail(card, job) {
  const image = new Image();
  image.className = "thumbnail";
  image.alt = `Thumbnail of ${card.querySelector(".name").textContent}`;
  image.onload = () => {
    card.classList.add("done");
    const ms = new Date(job.ended) - new Date(job.enqueued);
    show(card, `${image.naturalWidth} × ${image.naturalHeight} pixels, ready in ${ms} ms`, 100);
    card.querySelector(".frame").replaceChildren(image);
  };
  image.onerror = () => fail(card, "the thumbnail could not be shown");
  image.src = job.result;
}

async function make(photo) {
  const card = makeCard(photo.name);
  try {
    show(card, "uploading", 0);
    const location = await upload(photo, width.value, (part) => show(card, "uploading", 30 * part));
    const id = card.querySelector(".id");
    id.textContent = location.split("/").pop();
    id.href = location;
    showThumbnail(card, await follow(card, location));
  } catch (error) {
    fail(card, error.message);
  }
}

function makeAll(photos) {
  for (const photo of photos) make(photo);
}

file.addEventListener("change", () => {
  makeAll(file.files);
  file.value = "";
});
width.addEventListener("input", () => {
  byId("shown").textContent = `${width.value} px`;
  byId("asked").textContent = width.value;
});
for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]])
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", over);
    if (name === "drop") makeAll(event.dataTransfer.files);
  });
byId("form").addEventListener("submit", (event) => event.preventDefault());
byId("origin").textContent = window.location.origin;
