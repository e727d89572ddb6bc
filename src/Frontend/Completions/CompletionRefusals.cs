using Evergrain.Conversations.Ports;

namespace Evergrain.Frontend.Completions;

/// <summary>The refusals of what no create can carry. Everything else is the conversation's to judge.</summary>
internal static class CompletionRefusals
{
    /// <summary>A value that is wrong.</summary>
    public static ConversationException Invalid(string message, string? param) =>
        ConversationException.Of(RefusalKind.InvalidRequest, message, param);

    /// <summary>A member that must be there.</summary>
    public static ConversationException Missing(string path) =>
        ConversationException.Of(RefusalKind.MissingField, $"'{path}' is missing.", path);

    /// <summary>Refuses a member that is missing, or that is no string.</summary>
    public static ReadOnlySpan<byte> NeedText(in JsonSlots slots, string name, string path)
    {
        var value = slots[name];
        if (value.IsEmpty)
        {
            throw Missing($"{path}.{name}");
        }

        return JsonSlots.IsString(value)
            ? value.Span
            : throw Invalid($"'{path}.{name}' must be a string.", $"{path}.{name}");
    }
}
