using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Hosts;

/// <summary>What an activation refuses by itself; the rest is its conversation's.</summary>
internal static class ActivationRefusals
{
    public static readonly Refusal Fault = new(RefusalKind.Internal, "The request could not be processed.");
    public static readonly Refusal NotWritten =
        new(RefusalKind.Unavailable, "The conversation cannot be written: try again.");

    public static readonly Refusal Stopped = new(RefusalKind.Unavailable, "The server is stopping: try again.");

    public static Refusal NotFound(ResponseId response) =>
        new(RefusalKind.NotFound, $"Response with id '{response}' not found.");
}
