// Brings the page to life. A section that is put in place of another is attached by itself: `attach(section)`.
const attach = (root) => [attachCharts, attachBrowser].forEach((part) => part(root));
attach(document);
// What is folded cannot be printed.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((folded) => (folded.open = true)));
