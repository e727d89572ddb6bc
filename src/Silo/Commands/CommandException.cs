namespace Evergrain.Silo.Commands;

/// <summary>A command cannot do what it was asked for. Its message says what is wrong, and the way out.</summary>
internal sealed class CommandException(string message, Exception? inner = null) : Exception(message, inner);
