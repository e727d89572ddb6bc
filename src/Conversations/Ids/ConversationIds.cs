using System.Globalization;

namespace Evergrain.Conversations.Ids;

/// <summary>A conversation's 128 random bits, on the wire <c>conv_&lt;22 base62&gt;</c>.</summary>
public readonly record struct ConversationId(UInt128 Value)
{
    /// <summary>
    /// The 22 base62 characters, without a prefix: the middle of every id that belongs to this conversation.
    /// </summary>
    public string Code => Base62.Format(Value);

    /// <summary>Reads the 22 base62 characters that <see cref="Code"/> wrote.</summary>
    public static bool TryParseCode(ReadOnlySpan<char> code, out ConversationId id)
    {
        var known = Base62.TryParse(code, out var value);
        id = new ConversationId(value);
        return known;
    }

    /// <inheritdoc/>
    public override string ToString() => "conv_" + Code;
}

/// <summary>Whom a conversation belongs to and which one it is: the key of its actor and of its journal.</summary>
/// <param name="Tenant">1 to 64 characters of <c>[a-z0-9_-]</c>.</param>
/// <param name="Id">The conversation.</param>
public readonly record struct ConversationKey(string Tenant, ConversationId Id);

/// <summary>
/// Names a turn inside its conversation: a stored turn by its number from 1, an unstored one by 128 random bits.
/// </summary>
public readonly record struct TurnId
{
    private TurnId(int number, UInt128 random) => (Number, Random) = (number, random);

    /// <summary>The number of a stored turn, from 1; 0 for an unstored one.</summary>
    public int Number { get; }

    /// <summary>The random bits of an unstored turn; 0 for a stored one.</summary>
    public UInt128 Random { get; }

    /// <summary>Whether the turn is in the journal.</summary>
    public bool IsStored => Number > 0;

    /// <summary>The id of a stored turn.</summary>
    public static TurnId Stored(int number) => new(number, 0);

    /// <summary>The id of an unstored turn.</summary>
    public static TurnId Unstored(UInt128 random) => new(0, random);

    /// <summary>Reads a decimal number without leading zeros, or 22 base62 characters.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out TurnId id)
    {
        id = default;
        if (text.Length == Base62.Length && Base62.TryParse(text, out var random))
        {
            id = Unstored(random);
            return true;
        }

        if (text.Length is 0 or > 10 || text[0] == '0' ||
            !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }

        id = Stored(number);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        IsStored ? Number.ToString(CultureInfo.InvariantCulture) : Base62.Format(Random);
}

/// <summary>
/// The id of a turn on the wire: <c>resp_&lt;C&gt;_&lt;n&gt;</c>. It carries its own route: no table is asked.
/// </summary>
public readonly record struct ResponseId(ConversationId Conversation, TurnId Turn)
{
    private const string Prefix = "resp_";

    /// <summary>Reads an id that this type wrote; anything else is not one of ours.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out ResponseId id)
    {
        id = default;
        if (text.Length <= Prefix.Length + Base62.Length + 1 || !text.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }

        var rest = text[Prefix.Length..];
        if (rest[Base62.Length] != '_' ||
            !ConversationId.TryParseCode(rest[..Base62.Length], out var conversation) ||
            !TurnId.TryParse(rest[(Base62.Length + 1)..], out var turn))
        {
            return false;
        }

        id = new ResponseId(conversation, turn);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Prefix}{Conversation.Code}_{Turn}";
}

/// <summary>Holds a connection's unstored turns: 64 random bits that only its connection knows.</summary>
public readonly record struct LeaseId(ulong Value)
{
    /// <summary>No value: who knows a lease can read what it holds, and this may be written into a log.</summary>
    public override string ToString() => "lease";
}
