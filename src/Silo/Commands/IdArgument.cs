using System.CommandLine;
using Evergrain.Conversations.Ids;

namespace Evergrain.Silo.Commands;

/// <summary>Which conversation a command is about.</summary>
internal static class IdArgument
{
    private const string Prefix = "conv_";

    /// <summary>The argument of a command.</summary>
    public static Argument<string> Create() => new("ID")
    {
        Description = "A conversation (conv_…), or one of its responses (resp_…).",
    };

    /// <summary>Reads the id of a conversation, or of one of its responses.</summary>
    /// <exception cref="CommandException">It is neither.</exception>
    public static ConversationId Read(string text)
    {
        if (ResponseId.TryParse(text, out var response))
        {
            return response.Conversation;
        }

        return text.StartsWith(Prefix, StringComparison.Ordinal) &&
            ConversationId.TryParseCode(text.AsSpan(Prefix.Length), out var conversation)
                ? conversation
                : throw new CommandException($"'{text}' is no id of a conversation (conv_…) or response (resp_…).");
    }

    /// <summary>Reads the id of a response that a server gave.</summary>
    /// <exception cref="CommandException">It is none.</exception>
    public static ResponseId ReadResponse(string? text) => ResponseId.TryParse(text, out var response)
        ? response
        : throw new CommandException($"'{text}' is no id of a response (resp_…).");
}
