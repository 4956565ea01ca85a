// Shows how far work in the background is. Without this file the page says it when it is loaded again.
const place = document.querySelector("[data-poll]");

async function poll() {
  try {
    const answer = await fetch(place.dataset.poll, { credentials: "same-origin" });
    if (answer.ok && !answer.redirected) {
      place.innerHTML = await answer.text();
      if (!place.querySelector("[data-running]")) {
        window.location.reload();
        return;
      }
    }
  } catch { /* the network is away for a moment */ }
  setTimeout(poll, 1000);
}

if (place?.querySelector("[data-running]")) setTimeout(poll, 1000);
