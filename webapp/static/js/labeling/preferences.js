// How somebody likes the desk, kept in this browser. Where it has no room, the page is as it was the next time.

export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A preference is not worth a word.
  }
}
