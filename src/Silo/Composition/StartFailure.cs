using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Wire;
using Microsoft.Extensions.Options;

namespace Evergrain.Silo.Composition;

/// <summary>What becomes of a program that cannot start: one sentence on stderr, and exit code 1.</summary>
internal static class StartFailure
{
    /// <summary>Runs a program.</summary>
    /// <param name="run">Ends when the program has stopped; throws if it could not start.</param>
    /// <param name="isExpected">Which other failures are told, and not left to crash the process.</param>
    /// <returns>The exit code.</returns>
    public static Task<int> ReportAsync(Func<Task> run, Func<Exception, bool> isExpected) => ReportCodeAsync(async () =>
    {
        await run();
        return 0;
    }, isExpected);

    /// <summary>The same, of a program that has an exit code of its own.</summary>
    public static async Task<int> ReportCodeAsync(Func<Task<int>> run, Func<Exception, bool> isExpected)
    {
        try
        {
            return await run();
        }
        catch (Exception e) when (IsExpected(e) || isExpected(e))
        {
            await Console.Error.WriteLineAsync($"evergrain: {Sentences(e)}{Cause(e)}");
            return 1;
        }
    }

    private static bool IsExpected(Exception e) => e is OptionsValidationException or ValidationException
        or JournalUnavailableException or IOException or InvalidOperationException or UnauthorizedAccessException
        or FormatException or InvalidDataException;

    private static string Sentences(Exception e) =>
        e is OptionsValidationException settings ? string.Join(' ', settings.Failures) : e.Message;

    // A file that is no JSON: the outer message names the file, the inner one the line.
    private static string Cause(Exception e) => e is not InvalidDataException { InnerException: { } inner }
        ? ""
        : inner.GetBaseException() is JsonException wrong
            ? $" It is not valid JSON: {JsonPlace.Of(wrong)}."
            : $" {inner.InnerException?.Message ?? inner.Message}";
}
