/** One server-sent event. */
export interface ServerEvent {
    readonly id: string;
    readonly data: string;
}

/**
 * Events of a body (the part of the format that validators use: LF, one line of data). A body that gives nothing, not even
 * a comment, for so long is cut off: its connection is dead.
 */
export async function* readEvents(
    body: ReadableStream<Uint8Array>,
    silenceMs: number,
    cut: () => void,
): AsyncGenerator<ServerEvent> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let text = '';
    try {
        for (;;) {
            const timer = setTimeout(cut, silenceMs);
            const { done, value } = await reader.read().finally(() => clearTimeout(timer));
            if (done) {
                return;
            }
            text += decoder.decode(value, { stream: true });
            const parts = text.split('\n\n');
            text = parts.pop() ?? '';
            for (const part of parts) {
                const event = readEvent(part);
                if (event !== null) {
                    yield event;
                }
            }
        }
    } finally {
        // It may have failed already; whoever reads on knows.
        await reader.cancel().catch(() => undefined);
    }
}

/** Null for a comment. */
function readEvent(text: string): ServerEvent | null {
    const lines = text.split('\n');
    const field = (name: string): string | null => lines.find((line) => line.startsWith(name))?.slice(name.length) ?? null;
    const [id, data] = [field('id: '), field('data: ')];
    return id === null || data === null ? null : { id, data };
}
