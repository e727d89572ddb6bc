using System.Globalization;
using Evergrain.Conversations.Ids;
using Orleans;

namespace Evergrain.Conversations.Ports;

/// <summary>
/// Which conversations are asked for. Without an id and a word it is all of them, newest created first.
/// </summary>
/// <param name="Tenant">Whose; null: every tenant's.</param>
/// <param name="Limit">How many at most, from 1.</param>
public sealed record ConversationQuery(string? Tenant, int Limit)
{
    /// <summary>The conversation that is looked for; null: none is.</summary>
    public ConversationId? Conversation { get; init; }

    /// <summary>The word that is looked for; null: none is.</summary>
    public OriginWord? Origin { get; init; }

    /// <summary>Where the page before ended.</summary>
    public ListPlace After { get; init; } = ListPlace.Newest;
}

/// <summary>A word that came with the request of a turn.</summary>
/// <param name="Kind">Which word it is.</param>
/// <param name="Text">Its characters.</param>
public readonly record struct OriginWord(OriginKind Kind, string Text);

/// <summary>By which word of its request a turn is found again.</summary>
[GenerateSerializer]
[Alias("evergrain.OriginKind")]
public enum OriginKind
{
    /// <summary>By none.</summary>
    None,

    /// <summary>The <c>x-request-id</c> of the answer, or of the WebSocket's handshake.</summary>
    Request,

    /// <summary>The W3C trace id.</summary>
    Trace,

    /// <summary>The client's name of its session, as Codex sends it.</summary>
    Session,
}

/// <summary>How the request of a turn may be found again. It is kept in memory only.</summary>
/// <param name="Request">The id of the request; null: it has none.</param>
/// <param name="Session">The client's name of its session; null: it gave none.</param>
public readonly record struct TurnOrigin(string? Request, string? Session)
{
    /// <summary>Characters of a session's name, at most; a longer one is not kept.</summary>
    public const int SessionCharsMax = 128;
}

/// <summary>
/// Where a page of a list ended. Stored conversations follow by their number in the journal, the others by the time of
/// their first turn, since the journal does not know them.
/// </summary>
/// <param name="Number">The number of the last stored one.</param>
/// <param name="CreatedAt">When the last unstored one was created, in milliseconds since the Unix epoch.</param>
/// <param name="Id">The id of that one.</param>
public readonly record struct ListPlace(long Number, long CreatedAt, UInt128 Id)
{
    /// <summary>Before the newest.</summary>
    public static readonly ListPlace Newest = new(long.MaxValue, long.MaxValue, UInt128.MaxValue);

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static bool TryParse(string text, out ListPlace place)
    {
        ArgumentNullException.ThrowIfNull(text);
        place = default;
        var parts = text.Split('-');
        if (parts.Length != 3 || !TryRead(parts[0], out var number) || !TryRead(parts[1], out var createdAt) ||
            !Base62.TryParse(parts[2], out var id))
        {
            return false;
        }

        place = new ListPlace(number, createdAt, id);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Number}-{CreatedAt}-{Base62.Format(Id)}");

    private static bool TryRead(string text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}

/// <summary>A page of conversations, newest created first.</summary>
/// <param name="Found">The conversations.</param>
/// <param name="HasMore">Whether others follow.</param>
/// <param name="Next">Where the page ends.</param>
/// <param name="IsComplete">Whether every process that holds conversations has answered.</param>
public sealed record ConversationPage(
    IReadOnlyList<FoundConversation> Found, bool HasMore, ListPlace Next, bool IsComplete);

/// <summary>One conversation of a list.</summary>
/// <param name="Key">Whose, and which.</param>
/// <param name="CreatedAt">
/// When it was created, in milliseconds since the Unix epoch; null: the journal's record of that is damaged.
/// </param>
/// <param name="IsStored">Whether it has stored turns.</param>
/// <param name="Held">What is in memory of it; null: nothing.</param>
public sealed record FoundConversation(
    ConversationKey Key, long? CreatedAt, bool IsStored, HeldConversation? Held);
