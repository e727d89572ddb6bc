using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Checks;

/// <summary>
/// What an endpoint answers: <c>{"allowed":true}</c>, or <c>{"allowed":false,"reason":"…","param":"…"}</c>, of which
/// <c>reason</c> and <c>param</c> may be missing or null. Other members are ignored.
/// </summary>
internal static class EndpointAnswer
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 8, AllowDuplicateProperties = false };

    /// <summary>Null if the input is allowed.</summary>
    /// <exception cref="CheckFailedException">It is no such answer.</exception>
    public static Refusal? Read(ReadOnlyMemory<byte> answer)
    {
        try
        {
            using var document = JsonDocument.Parse(answer, Options);
            var root = document.RootElement;
            return root.GetProperty("allowed").GetBoolean()
                ? null
                : CheckRefusals.Refused(Text(root, "reason"), Text(root, "param"));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            // Their messages quote the answer.
            throw new CheckFailedException(CheckFailureKind.WrongAnswer,
                "the endpoint's answer is not {\"allowed\":true} or {\"allowed\":false,\"reason\":\"…\"}");
        }
    }

    private static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) ? value.GetString() : null;
}
