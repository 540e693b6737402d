// What the JavaScript client writes to ana/javascript, and how it is refused, as one line of JSON.
import * as hub from "@huggingface/hub";

const options = { hubUrl: process.env.HF_ENDPOINT, accessToken: process.env.HF_TOKEN, useXet: false };
const repo = "ana/javascript";

async function statusOf(refused) {
  try {
    await refused();
  } catch (error) {
    return error.statusCode ?? String(error);
  }
  return "no refusal";
}

const file = (path, content) => ({ path, content: new Blob([content]) });

await hub.createRepo({ ...options, repo });
const first = await hub.uploadFiles({
  ...options,
  repo,
  files: [
    file("large.safetensors", new Uint8Array(11 * 1024 ** 2).fill(7)),
    file("small.safetensors", new Uint8Array(100).fill(9)),
    file("a.txt", "a"),
  ],
});
const second = await hub.uploadFile({ ...options, repo, parentCommit: first.commit.oid, file: file("sub/b.txt", "b") });
await hub.createBranch({ ...options, repo, branch: "dev/x" });
await hub.deleteFile({ ...options, repo, path: "a.txt" });
await hub.uploadFile({ ...options, repo, isPullRequest: true, commitTitle: "Add c", file: file("c.txt", "c") });
await hub.createRepo({ ...options, repo: "ana/deleted" });
await hub.deleteRepo({ ...options, repo: "ana/deleted" });

const stale = { ...options, repo, parentCommit: first.commit.oid, file: file("d.txt", "d") };
const broken = { ...options, repo, file: file("README.md", "---\ntags: [a\n---\n") };
const refusals = {
  "stale parent": await statusOf(() => hub.uploadFile(stale)),
  "broken card": await statusOf(() => hub.uploadFile(broken)),
  namespace: await statusOf(() => hub.createRepo({ ...options, repo: "bob/javascript" })),
  "name taken": await statusOf(() => hub.createRepo({ ...options, repo })),
};
console.log(JSON.stringify({ second: second.commit.oid, refusals }));
