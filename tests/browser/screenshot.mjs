// Take a picture of a page of a running Home Assistant.
//
//   node screenshot.mjs ADDRESS PATH FILE [WIDTH HEIGHT [CLICK...]]
//
// CLICK are texts of the page to click on before, one after the other.
// It logs in as the demo's owner, and fails if the page raises an error or something is missing.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [address, path, file, width = "1400", height = "1000", ...clicks] =
  process.argv.slice(2);
const patience = 5000; // ms, until charts are drawn and dialogs have opened
const clientId = `${address}/`;

async function post(where, body) {
  const form = body instanceof URLSearchParams;
  const reply = await fetch(address + where, {
    method: "POST",
    body: form ? body : JSON.stringify(body),
  });
  if (!reply.ok) throw new Error(`${where}: ${reply.status} ${await reply.text()}`);
  return reply.json();
}

async function logIn() {
  const client = { client_id: clientId };
  const flow = await post("/auth/login_flow", {
    ...client,
    handler: ["homeassistant", null],
    redirect_uri: clientId,
  });
  const { result: code } = await post(`/auth/login_flow/${flow.flow_id}`, {
    ...client,
    username: "anna",
    password: "charging",
  });
  const grant = { ...client, grant_type: "authorization_code", code };
  const tokens = await post("/auth/token", new URLSearchParams(grant));
  const expires = Date.now() + tokens.expires_in * 1000;
  return { ...tokens, hassUrl: address, clientId, expires };
}

const profile = await mkdtemp(join(tmpdir(), "ladda-browser-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium",
  headless: true,
  viewport: { width: Number(width), height: Number(height) },
  deviceScaleFactor: 1.5,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  const page = await browser.newPage();
  const errors = [];
  page.on("response", (reply) => {
    // Icons of other integrations come from the internet.
    const fetched = reply.url().includes("/api/brands/");
    if (reply.status() >= 400 && !fetched) errors.push(`${reply.status()} ${reply.url()}`);
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.addInitScript(
    (tokens) => localStorage.setItem("hassTokens", tokens),
    JSON.stringify(await logIn()),
  );
  await page.goto(address + path);
  await page.waitForSelector("home-assistant-main");
  await page.waitForTimeout(patience);
  for (const text of clicks) {
    await page.getByText(text, { exact: true }).first().click();
    await page.waitForTimeout(patience);
  }
  await page.screenshot({ path: file });
  if (errors.length) throw new Error(errors.join("\n"));
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true });
}
