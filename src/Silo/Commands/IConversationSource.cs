using System.Text.Json;
using Evergrain.Conversations.Ids;

namespace Evergrain.Silo.Commands;

/// <summary>
/// Where commands read conversations: a server, or the file of a stopped one. Answers have the shape that the server's
/// HTTP gives them.
/// </summary>
internal interface IConversationSource : IAsyncDisposable
{
    /// <summary>Conversations, the newest first.</summary>
    Task<JsonElement> ListAsync(string? after, int limit, CancellationToken cancellationToken);

    /// <summary>A page of turns behind a number: shapes and times.</summary>
    Task<JsonElement> ListTurnsAsync(ConversationId conversation, int after, CancellationToken cancellationToken);

    /// <summary>Compares a conversation with its journal.</summary>
    Task<JsonElement> VerifyAsync(ConversationId conversation, CancellationToken cancellationToken);

    /// <summary>A stored response, with its output.</summary>
    Task<JsonElement> GetResponseAsync(ResponseId response, CancellationToken cancellationToken);

    /// <summary>A page of the items that a response was made from, the last one first.</summary>
    Task<JsonElement> ListInputItemsAsync(ResponseId response, string? after, CancellationToken cancellationToken);
}
