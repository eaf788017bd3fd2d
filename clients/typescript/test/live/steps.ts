import type { Receipt, Wait } from '../../src/index.js';

/** What a step's outcome must be; members that are not there are not looked at. */
export interface Expectation {
    readonly status?: Receipt['status'] | null;
    readonly repeated?: boolean;
    readonly reason?: string;
    /** The receipt has index and block of the one that was kept under this name. */
    readonly place_of?: string;
    /** The call ends with a problem of this type. */
    readonly problem?: string;
    /** Whether the indices of a batch follow each other. */
    readonly consecutive?: boolean;
}

export interface Fault {
    /** Seconds after the load began. */
    readonly at: number;
    readonly kill?: number | 'leader';
    readonly start?: number | 'killed';
    readonly pause?: number;
    readonly resume?: number;
}

export type Step =
    | {
          readonly do: 'submit';
          readonly text?: string;
          readonly bytes?: number;
          readonly kind?: number;
          readonly wait: Wait;
          readonly by?: number;
          readonly as?: string;
          readonly expect: Expectation;
      }
    | { readonly do: 'ask'; readonly of?: string; readonly text?: string; readonly expect: Expectation }
    | { readonly do: 'batch'; readonly count: number; readonly bytes: number; readonly wait: Wait; readonly expect: Expectation }
    | {
          readonly do: 'sign';
          readonly account: string;
          readonly text: string;
          readonly wait: Wait;
          readonly by?: number;
          readonly nonce?: string;
          readonly fresh?: boolean;
          readonly damage?: boolean;
          readonly expect: Expectation;
      }
    | { readonly do: 'follow'; readonly from: number; readonly count: number; readonly cut_every: number }
    | {
          readonly do: 'load';
          readonly workers: number;
          readonly signers: number;
          readonly seconds: number;
          readonly timeout_ms?: number;
          readonly faults: readonly Fault[];
      }
    | { readonly do: 'prove'; readonly of: string; readonly by: number; readonly mutations: number };

export interface Scenarios {
    readonly format: number;
    readonly cluster: { readonly validators: number };
    readonly scenarios: readonly { readonly name: string; readonly protects: string; readonly steps: readonly Step[] }[];
}
