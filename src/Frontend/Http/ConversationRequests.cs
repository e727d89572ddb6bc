using System.Globalization;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Evergrain.Frontend.Http;

/// <summary>Reads what requests about conversations have in common.</summary>
internal static class ConversationRequests
{
    private const string IdPrefix = "conv_";

    /// <summary>
    /// The conversation that the path names, of the caller's tenant or of the one that an operator names.
    /// </summary>
    /// <exception cref="ConversationException">It is none of ours, or the caller may not ask.</exception>
    public static ConversationKey ReadConversation(this HttpContext context, AuditLog audit)
    {
        var tenant = context.ReadTenant(audit);
        var text = (string)context.GetRouteValue("id")!;
        return ReadId(text) is { } id
            ? new ConversationKey(tenant, id)
            : throw ConversationException.Of(RefusalKind.NotFound, $"Conversation with id '{text}' not found.");
    }

    /// <summary>The conversation that an id names; null: it is no id of a conversation.</summary>
    public static ConversationId? ReadId(string text) => text.StartsWith(IdPrefix, StringComparison.Ordinal) &&
        ConversationId.TryParseCode(text.AsSpan(IdPrefix.Length), out var id) ? id : null;

    /// <summary>A word of the query; empty: it is not there.</summary>
    /// <exception cref="ConversationException">It is there more than once.</exception>
    public static string ReadWord(this HttpContext context, string name)
    {
        var words = context.Request.Query[name];
        return words.Count <= 1
            ? words.ToString()
            : throw ConversationException.Of(
                RefusalKind.InvalidRequest, $"'{name}' is given {words.Count} times: give it once.", name);
    }

    /// <summary>A number of the query.</summary>
    /// <exception cref="ConversationException">It is none, or outside its bounds.</exception>
    public static int ReadNumber(this HttpContext context, string name, int none, int least, int most)
    {
        var text = context.ReadWord(name);
        if (text.Length == 0)
        {
            return none;
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) &&
            number >= least && number <= most
                ? number
                : throw ConversationException.Of(RefusalKind.InvalidRequest,
                    $"'{name}' must be a number from {least} to {most}, not '{text}'.", name);
    }
}
