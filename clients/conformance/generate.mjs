// Makes vectors.json with the product itself: node clients/conformance/generate.mjs [BINARY]
// Every value comes from the binary's commands or a running cluster's API; nothing is computed here.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = new URL("../..", import.meta.url).pathname;
const binary = process.argv[2] ?? join(root, "artifacts/validator");
const folder = mkdtempSync(join(tmpdir(), "vectors-"));
const running = new Set();
const run = (...args) =>
    execFileSync(binary, args, { encoding: "utf8" }).trim();
const file = (name) => join(folder, name);

// What `proof verify` says, and the name that vectors give it.
const FAULTS = [
    [/is no proof, or damaged/, "malformed"],
    [/it is of chain/, "other-chain"],
    [/it begins at epoch/, "other-first-epoch"],
    [/the ends of its epochs/, "epoch-not-continued"],
    [/a committee is not the one/, "committee-not-named"],
    [/an epoch's end has no commit certificate/, "epoch-not-certified"],
    [/its blocks are no chain/, "blocks-not-chained"],
    [/its certificate does not make/, "not-certified"],
    [/the block before the one that orders/, "wrong-parent"],
    [/its vertices do not lead/, "lane-not-chained"],
    [/the block before had ordered/, "ordered-before"],
    [/the transaction is not in the vertex/, "not-in-vertex"],
    [/no block in it states/, "state-not-stated"],
    [/did not accept the transaction/, "not-accepted"],
    [/a signature does not hold/, "bad-signature"],
    [/, and not of /, "other-transaction"],
];

function verdict(proof, genesis, id) {
    const { status, stdout, stderr } = spawnSync(
        binary,
        ["proof", "verify", proof, "--genesis", genesis, "--id", id],
        { encoding: "utf8" },
    );
    if (status === 0) {
        return { fault: null, told: stdout };
    }
    const known = FAULTS.find(([words]) => words.test(stderr));
    if (status !== 1 || known === undefined) {
        throw new Error(`proof verify ended with ${status}: ${stderr}`);
    }
    return { fault: known[1], told: stderr };
}

async function until(what, ask) {
    for (
        const end = Date.now() + 60_000;
        Date.now() < end;
        await new Promise((done) => setTimeout(done, 100))
    ) {
        const answer = await ask();
        if (answer) {
            return answer;
        }
    }
    throw new Error(`${what}: not within a minute`);
}

async function start(name, validators, epochLength) {
    const out = file(name);
    const told = run(
        "init",
        "--validators",
        `${validators}`,
        "--out",
        out,
        "--epoch-length",
        `${epochLength}`,
    );
    const apis = [...told.matchAll(/API (http:\S+),/g)].map(
        (match) => match[1],
    );
    for (let n = 1; n <= validators; n++) {
        const child = spawn(
            binary,
            ["run", "--config", join(out, `node-${n}/node.toml`)],
            { stdio: "ignore" },
        );
        running.add(child);
        child.on("exit", () => running.delete(child));
    }
    for (let n = 1; n <= validators; n++) {
        run(
            "ready",
            "--wait",
            "1m",
            "--config",
            join(out, `node-${n}/node.toml`),
        );
    }
    return {
        name,
        apis,
        genesis: join(out, "genesis.json"),
        config: (n) => join(out, `node-${n}/node.toml`),
        proofs: [],
    };
}

async function stop() {
    for (const child of running) {
        child.kill("SIGTERM");
    }
    await until("the cluster stops", () => running.size === 0);
}

async function submit(chain, texts) {
    const records = texts.map((text) => {
        const head = Buffer.alloc(5);
        head.writeUInt32LE(Buffer.byteLength(text));
        return Buffer.concat([head, Buffer.from(text)]);
    });
    const response = await fetch(
        `${chain.apis[0]}/v1/transactions/batch?wait=finalized`,
        {
            method: "POST",
            headers: { "content-type": "application/octet-stream" },
            body: Buffer.concat(records),
        },
    );
    const { transactions } = await response.json();
    if (response.status !== 200) {
        throw new Error(`not final: ${response.status}`);
    }
    return transactions;
}

// With the execution, once a later block states it: fillers bring blocks.
async function prove(chain, name, id, wantsExecution, mutations) {
    const path = file(`${chain.name}-${name}.proof`);
    let fillers = 0;
    const told = await until(`the proof ${name}`, async () => {
        const response = await fetch(
            `${chain.apis[0]}/v1/transactions/${id}/proof`,
        );
        if (response.status !== 200) {
            return null;
        }
        writeFileSync(path, Buffer.from(await response.arrayBuffer()));
        const { fault, told } = verdict(path, chain.genesis, id);
        if (fault !== null) {
            throw new Error(`the proof ${name} proves nothing: ${fault}`);
        }
        if (wantsExecution && !told.includes("accepted as index")) {
            await submit(chain, [`filler ${name} ${fillers++}`]);
            return null;
        }
        return told;
    });
    const bytes = readFileSync(path);
    const said = (line) =>
        told
            .split("\n")
            .find((l) => l.startsWith(line))
            ?.slice(14) ?? "";
    chain.proofs.push({
        name,
        id,
        proof: bytes.toString("base64"),
        index: /accepted as index (\d+)/.exec(told)?.[1] ?? null,
        block: /^(\d+) of epoch (\d+), (\w+)/.exec(said("block")).slice(1),
        certified: /^block (\d+) of epoch (\d+) in view (\d+)/
            .exec(said("final with"))
            .slice(1),
        votes: said("by"),
        mutations: mutate(chain, bytes, id, mutations),
    });
}

// One bit of every so manieth byte, and of each of the head; which bit goes round.
function mutate(chain, bytes, id, stride) {
    const path = file("mutated.proof");
    const seen = {};
    let count = 0;
    for (
        let offset = 0;
        offset < bytes.length;
        offset += offset < 72 ? 1 : stride
    ) {
        const mask = 1 << (count++ % 8);
        const changed = Buffer.from(bytes);
        changed[offset] ^= mask;
        writeFileSync(path, changed);
        const { fault } = verdict(path, chain.genesis, id);
        seen[fault] = [...(seen[fault] ?? []), `${offset}^${mask}`];
    }
    return Object.fromEntries(
        Object.entries(seen).map(([fault, changes]) => [
            fault,
            changes.join(" "),
        ]),
    );
}

async function change(chain, signers, ...what) {
    const path = file(`${what.join("")}.change`);
    run(
        "committee",
        "propose",
        ...what,
        "--out",
        path,
        "--config",
        chain.config(1),
    );
    for (let n = 1; n <= signers; n++) {
        run("committee", "sign", path, "--config", chain.config(n));
    }
    const before = (await (await fetch(`${chain.apis[0]}/v1/status`)).json())
        .epoch;
    run("committee", "submit", path, "--config", chain.config(1));
    for (
        let i = 0;
        (await (await fetch(`${chain.apis[0]}/v1/status`)).json()).epoch ===
        before;
        i++
    ) {
        await submit(chain, [`${what.join(" ")} ${i}`]);
    }
}

function envelopes() {
    const key = file("account.key");
    const account = run("account", "new", "--out", key);
    const chain = "11".repeat(32);
    return {
        key_file: readFileSync(key, "utf8"),
        account,
        public_key: readFileSync(`${key}.pub`).toString("base64"),
        envelopes: ["1", "77", "18446744073709551615"].map((nonce, i) => {
            const out = file(`envelope-${i}`);
            const data = `data of envelope ${i}`;
            const id = run(
                "account",
                "sign",
                data,
                "--key",
                key,
                "--chain-id",
                chain,
                "--nonce",
                nonce,
                "--out",
                out,
            );
            return {
                chain_id: chain,
                nonce,
                data: Buffer.from(data).toString("base64"),
                envelope: readFileSync(out).toString("base64"),
                id,
            };
        }),
    };
}

async function chains() {
    const four = await start("four", 4, 0);
    const many = await submit(
        four,
        Array.from({ length: 150 }, (_, i) => `transaction ${i} of a batch`),
    );
    await prove(four, "ordered alone", many[0].id, false, 2003);
    await prove(four, "chunk 3 of 5", many[70].id, true, 97);
    await prove(four, "last chunk", many[149].id, true, 2003);
    await stop();
    const three = await start("three", 3, 0);
    await change(three, 3, "weight", "--name", "node-2", "--weight", "2");
    await prove(
        three,
        "other weights",
        (await submit(three, ["other weights"]))[0].id,
        true,
        997,
    );
    await change(three, 3, "leave", "--name", "node-3");
    await prove(
        three,
        "other members",
        (await submit(three, ["other members"]))[0].id,
        true,
        97,
    );
    await stop();
    const one = await start("one", 1, 3);
    for (let i = 0; i < 5; i++) {
        await submit(one, [`block ${i}`]);
    }
    await prove(
        one,
        "same members",
        (await submit(one, ["same members"]))[0].id,
        true,
        11,
    );
    await stop();
    return [four, three, one];
}

try {
    const accounts = [envelopes()];
    const made = [];
    for (const { name, genesis, proofs } of await chains()) {
        made.push({ name, genesis: readFileSync(genesis, "utf8"), proofs });
    }
    const version = run("--version");
    writeFileSync(
        join(root, "clients/conformance/vectors.json"),
        `${JSON.stringify({ version, accounts, chains: made }, null, 1)}\n`,
    );
} finally {
    for (const child of running) {
        child.kill("SIGKILL");
    }
    rmSync(folder, { recursive: true });
}
