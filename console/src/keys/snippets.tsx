// Code that uses a key, to copy. The key is in it only while its secret is shown.

import { useRef } from 'preact/hooks';
import { API } from '../config.ts';
import { texts } from '../texts.ts';
import { CopyButton } from '../ui/copy-button.tsx';
import { Tabs } from '../ui/tabs.tsx';

const PLACEHOLDER = 'pgk_…';
const TITLE = texts.snippets.sample;

const curl = (key: string) => `curl ${API}/push \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d '{"title": "${TITLE}"}'`;

const javascript = (key: string) => `const response = await fetch("${API}/push", {
  method: "POST",
  headers: {
    Authorization: "Bearer ${key}",
    "Content-Type": "application/json",
  },
  body: JSON.stringify({ title: "${TITLE}" }),
});
console.log(response.status, await response.json());`;

const python = (key: string) => `import json, urllib.request

request = urllib.request.Request(
    "${API}/push",
    json.dumps({"title": "${TITLE}"}).encode(),
    {"Authorization": "Bearer ${key}", "Content-Type": "application/json"},
)
print(urllib.request.urlopen(request).read().decode())`;

const webPage = (key: string, channels: string[]) => `const API = "${API}";
const headers = { Authorization: "Bearer ${key}", "Content-Type": "application/json" };

// Call this from a click: browsers ask the user only then.
async function subscribe() {
  if ((await Notification.requestPermission()) !== "granted") return;
  await navigator.serviceWorker.register("/service-worker.js");
  const { pushManager } = await navigator.serviceWorker.ready;
  const config = await (await fetch(API + "/subscriptions/config", { headers })).json();
  const subscription = await pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: config.vapid_public_key,
  });
  await fetch(API + "/subscriptions", {
    method: "PUT",
    headers,
    body: JSON.stringify({ ...subscription.toJSON(), channels: ${JSON.stringify(channels)} }),
  });
}`;

interface SendProps {
  /** `null` when nobody has it in this page: the code has a placeholder then. */
  secret: (() => string) | null;
}

export function SendSnippets({ secret }: SendProps) {
  const key = secret?.() ?? PLACEHOLDER;
  return (
    <Tabs
      label={texts.snippets.label}
      tabs={[
        { id: 'curl', label: texts.snippets.curl, content: <Code text={curl(key)} /> },
        { id: 'javascript', label: texts.snippets.javascript, content: <Code text={javascript(key)} /> },
        { id: 'python', label: texts.snippets.python, content: <Code text={python(key)} /> },
      ]}
    />
  );
}

export function WebPageSnippet({ secret, channels }: SendProps & { channels: string[] }) {
  return <Code text={webPage(secret?.() ?? PLACEHOLDER, channels)} />;
}

function Code({ text }: { text: string }) {
  const ref = useRef<HTMLElement>(null);
  return (
    <div class="code">
      <pre tabIndex={0} aria-label={texts.snippets.label}>
        <code ref={ref}>{text}</code>
      </pre>
      <CopyButton label={texts.snippets.copy} text={() => ref.current?.textContent ?? ''} source={ref} />
    </div>
  );
}
