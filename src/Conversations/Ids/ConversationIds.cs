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
/// Names a turn inside its conversation: a stored turn by its number from 1 and a tag, an unstored one by 128 random
/// bits.
/// </summary>
/// <remarks>
/// A tag is chosen anew for each turn. Where a journal came back as an older copy, the number of a turn that the copy
/// lacks is given again, and the tag is not. Turns of journals below format 3 have no tag.
/// </remarks>
public readonly record struct TurnId
{
    /// <summary>Tags are below this: four characters of base62.</summary>
    public const int TagsMax = 62 * 62 * 62 * 62;

    private const int TagLength = 4;
    private const char TagMark = 'x';
    private const int NumberDigitsMax = 10;

    private TurnId(int number, UInt128 random) => (Number, Random) = (number, random);

    /// <summary>The number of a stored turn, from 1; 0 for an unstored one.</summary>
    public int Number { get; }

    /// <summary>The random bits of an unstored turn; the tag of a stored one.</summary>
    public UInt128 Random { get; }

    /// <summary>The tag of a stored turn, from 1; 0: it has none.</summary>
    public int Tag => IsStored ? (int)Random : 0;

    /// <summary>Whether the turn is in the journal.</summary>
    public bool IsStored => Number > 0;

    /// <summary>The id of a stored turn.</summary>
    public static TurnId Stored(int number, int tag = 0) => new(number, (UInt128)tag);

    /// <summary>The id of an unstored turn.</summary>
    public static TurnId Unstored(UInt128 random) => new(0, random);

    /// <summary>
    /// Reads a decimal number without leading zeros, the same with <c>x</c> and a tag of four base62 characters, or 22
    /// base62 characters.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> text, out TurnId id)
    {
        id = default;
        if (text.Length == Base62.Length && Base62.TryParse(text, out var random))
        {
            id = Unstored(random);
            return true;
        }

        var mark = text.IndexOf(TagMark);
        UInt128 tag = 0;
        if (mark >= 0 && (!Base62.TryParse(text[(mark + 1)..], out tag, TagLength) || tag == 0))
        {
            return false;
        }

        var digits = mark < 0 ? text : text[..mark];
        if (digits.Length is 0 or > NumberDigitsMax || digits[0] == '0' ||
            !int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return false;
        }

        id = Stored(number, (int)tag);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => !IsStored ? Base62.Format(Random)
        : Tag == 0 ? Number.ToString(CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"{Number}{TagMark}{Base62.Format(Random, TagLength)}");
}

/// <summary>
/// The id of a turn on the wire: <c>resp_&lt;C&gt;_&lt;n&gt;x&lt;tag&gt;</c>. It carries its own route: no table is
/// asked.
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
