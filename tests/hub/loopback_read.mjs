// What the JavaScript client reads of ana/model, as one line of JSON. HF_TOKEN only reads.
import { createHash } from "node:crypto";
import * as hub from "@huggingface/hub";

const options = { hubUrl: process.env.HF_ENDPOINT, accessToken: process.env.HF_TOKEN };
const repo = "ana/model";

async function statusOf(refused) {
  try {
    await refused();
  } catch (error) {
    return error.statusCode ?? String(error);
  }
  return "no refusal";
}

async function all(iterator, value) {
  const found = [];
  for await (const item of iterator) found.push(value(item));
  return found;
}

const content = { path: "a.txt", content: new Blob(["a"]) };
const weights = await hub.downloadFile({ ...options, repo, path: "model.safetensors" });
const info = await hub.pathsInfo({ ...options, repo, paths: ["model.safetensors", "absent"] });
const found = {
  user: (await hub.whoAmI(options)).name,
  files: await all(hub.listFiles({ ...options, repo, recursive: true }), (file) => file.path),
  info: info.map((file) => ({ path: file.path, sha256: file.lfs.oid })),
  snapshot: await hub.snapshotDownload({ ...options, repo, revision: "v1", cacheDir: process.env.HF_HOME }),
  downloaded: createHash("sha256").update(new Uint8Array(await weights.arrayBuffer())).digest("hex"),
  commits: await all(hub.listCommits({ ...options, repo }), (commit) => commit.oid),
  exist: {
    "README.md": await hub.fileExists({ ...options, repo, path: "README.md" }),
    absent: await hub.fileExists({ ...options, repo, path: "absent" }),
    [repo]: await hub.repoExists({ ...options, repo }),
    "ana/absent": await hub.repoExists({ ...options, repo: "ana/absent" }),
  },
  refusals: {
    "wrong token": await statusOf(() => hub.whoAmI({ ...options, accessToken: "hf_nobody" })),
    "read token": await statusOf(() => hub.uploadFile({ ...options, repo, useXet: false, file: content })),
    absent: await statusOf(() => hub.modelInfo({ ...options, name: "ana/absent" })),
  },
};
console.log(JSON.stringify(found));
