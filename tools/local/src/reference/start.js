// Starts the renderer with the page's configuration. This is a separate file, because the page's policy forbids inline
// scripts.
const configuration = document.getElementById("configuration").textContent;
Scalar.createApiReference("#reference", JSON.parse(configuration));
