namespace Evergrain.Conversations;

/// <summary>Every bound of a conversation, in one place, with unit and reason.</summary>
public static class Limits
{
    /// <summary>Bytes of one journal record, and so of one item: what one frame may carry.</summary>
    public const int RecordBytesMax = 16 << 20;

    /// <summary>Bytes of one append: a full HTTP body of items and its parameters.</summary>
    public const int AppendBytesMax = 64 << 20;

    /// <summary>
    /// Bytes of a create together with the items of other conversations that it refers to. Both go to the conversation
    /// in one message, and Orleans closes a connection that is sent a message of 100 MiB.
    /// </summary>
    public const int StartBytesMax = 72 << 20;

    /// <summary>
    /// Items of one create: a full resend of the longest conversations we measure (10,000) with room.
    /// </summary>
    public const int InputItemsMax = 32_768;

    /// <summary>
    /// Other conversations whose items one create may refer to: each may have to be opened for it. Clients that send
    /// references name those of one or two.
    /// </summary>
    public const int ReferencedConversationsMax = 64;

    /// <summary>Items of one page of a list: the API's own bound.</summary>
    public const int PageItemsMax = 100;

    /// <summary>
    /// Conversations that a page of stored responses looks into: where few responses pass its filter, each is opened
    /// for nothing.
    /// </summary>
    public const int ListedConversationsMax = 1_000;

    /// <summary>
    /// Bytes of the items of one page, unless its first item is larger: a hundred ordinary items, in one message.
    /// </summary>
    public const int PageBytesMax = 4 << 20;

    /// <summary>
    /// Depth of a create's JSON: what System.Text.Json takes by default, and deeper than any schema in use.
    /// </summary>
    public const int JsonDepthMax = 64;

    /// <summary>
    /// JSON values and names of one item, roughly: a table of them is 24 times larger than <c>[0,0,…]</c>, so an item's
    /// size alone does not bound what reading it takes.
    /// </summary>
    public const int ItemValuesMax = 1 << 18;

    /// <summary>
    /// Bytes of parameter values that no stored turn has used: a hundred times what Codex sends with a turn.
    /// </summary>
    public const int LooseParameterBytesMax = 4 << 20;

    /// <summary>Characters of a call id: the API's own bound.</summary>
    public const int CallIdCharsMax = 64;

    /// <summary>Turns of one conversation that run at the same time (forks): each holds a model call.</summary>
    public const int RunningTurnsMax = 64;

    /// <summary>
    /// Turns of one conversation that run when a history that is sent again no longer continues it: a crowd that sends
    /// one history at once spreads over conversations.
    /// </summary>
    public const int RecognisedTurnsMax = 16;

    /// <summary>
    /// Bytes at which a segment is sealed: large enough to be rare, small enough that a view is cheap.
    /// </summary>
    public const int SegmentBytesMax = 256 << 10;

    /// <summary>Items at which a segment is sealed: bounds the arrays that grow with it.</summary>
    public const int SegmentItemsMax = 256;

    /// <summary>Events in one batch to a reader: enough to fill a socket's buffer, few enough to stay fair.</summary>
    public const int BatchEventsMax = 100;

    /// <summary>Bytes in one batch to a reader, unless a single event is larger.</summary>
    public const int BatchBytesMax = 256 << 10;

    /// <summary>Bytes of one turn's output: four whole items.</summary>
    public const int OutputBytesMax = 64 << 20;

    /// <summary>
    /// Bytes of one running turn's events: eight times <see cref="OutputBytesMax"/>, since an event around a short
    /// delta is much longer than the delta.
    /// </summary>
    public const long EventBytesMax = 512L << 20;

    /// <summary>How long a stored turn runs on without a reader.</summary>
    public static readonly TimeSpan OrphanTimeout = TimeSpan.FromMinutes(5);

    /// <summary>How long a lease lasts without renewal: three renewals of 20 s.</summary>
    public static readonly TimeSpan LeaseDuration = TimeSpan.FromSeconds(60);

    /// <summary>
    /// How long before its end a lease is looked at: a process that stood still through two renewals was standing still
    /// at that time too.
    /// </summary>
    public static readonly TimeSpan LeaseLookTime = TimeSpan.FromSeconds(20);

    /// <summary>
    /// How late a wake may come before it says that the process stood still: longer than a busy process is late, and
    /// shorter than <see cref="LeaseLookTime"/>.
    /// </summary>
    public static readonly TimeSpan WakeDelayMax = TimeSpan.FromSeconds(10);
}
