export { Account, MAX_ENVELOPE_DATA_BYTES, Purpose, type EnvelopeOptions } from './account.js';
export { fromHex, toHex, toUtf8 } from './bytes.js';
export type { Epoch, Member } from './committee.js';
export { parseGenesis, type Genesis } from './genesis.js';
export { Kind, transactionId } from './hash.js';
export { ProofError, verifyProof, type ProofFault, type ProvenTransaction } from './verify.js';
export { FormatError } from './wire.js';
export {
    ValidatorClient,
    type CallOptions,
    type ClientOptions,
    type FollowOptions,
    type ProofOptions,
    type SubmitOptions,
} from './client.js';
export { OrderError, ProblemError, UncertainError, UnreachableError } from './errors.js';
export type { Durable, Finalized, Receipt, Rejected } from './receipts.js';
export type { Status } from './status.js';
export type { FinalTransaction } from './stream.js';
export type { Wait } from './submitter.js';
