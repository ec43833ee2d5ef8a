// Before the first paint: the colours chosen on an earlier visit. The page itself takes over later.
try {
  const theme = localStorage.getItem("vivavoce-theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // No storage: the system's colours.
}
