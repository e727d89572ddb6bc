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
    /// <exception cref="CommandException">They cannot be searched so here.</exception>
    Task<JsonElement> ListAsync(ListQuery query, CancellationToken cancellationToken);

    /// <summary>A page of turns behind a number: shapes and times.</summary>
    Task<JsonElement> ListTurnsAsync(ConversationId conversation, int after, CancellationToken cancellationToken);

    /// <summary>Compares a conversation with its journal.</summary>
    Task<JsonElement> VerifyAsync(ConversationId conversation, CancellationToken cancellationToken);

    /// <summary>A stored response, with its output.</summary>
    Task<JsonElement> GetResponseAsync(ResponseId response, CancellationToken cancellationToken);

    /// <summary>A page of the items that a response was made from, the last one first.</summary>
    Task<JsonElement> ListInputItemsAsync(ResponseId response, string? after, CancellationToken cancellationToken);
}

/// <summary>Which conversations are listed.</summary>
/// <param name="Limit">How many, at most.</param>
/// <param name="After">What the page before gave as its next; null: the first page.</param>
internal sealed record ListQuery(int Limit, string? After)
{
    /// <summary>The name of a search by a conversation, or one of its responses.</summary>
    public const string ById = "id";

    /// <summary>A search, by its name in the server's HTTP; null: none.</summary>
    public (string Name, string Text)? Search { get; init; }
}
