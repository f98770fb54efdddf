// Starts the renderer with the configuration that is in the page. A file of its own, since the page runs no script that is in it.
const configuration = document.getElementById("configuration").textContent;
Scalar.createApiReference("#reference", JSON.parse(configuration));
