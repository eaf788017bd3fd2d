using System.Runtime.CompilerServices;

// Kernels keep tens of kilobytes on the stack and write all of it before reading; zeroing it first would cost more than some
// of them do.
[module: SkipLocalsInit]
[assembly: InternalsVisibleTo("Validator.Tests")]
[assembly: InternalsVisibleTo("Validator.Bench")]
