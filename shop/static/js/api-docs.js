// Swagger UI over our own OpenAPI text. It asks no other host.
const place = document.getElementById("api-docs");
window.SwaggerUIBundle({
  url: place.dataset.openapi,
  dom_id: "#api-docs",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  docExpansion: "list",
  presets: [window.SwaggerUIBundle.presets.apis],
  validatorUrl: null,
});
